-- What a restored registry knows only from what was published (contract §5, `restore`).

-- Live leaves whose person is not on record. They stay until they are removed together.
CREATE TABLE unrecorded (
    place  INTEGER PRIMARY KEY CHECK (place BETWEEN 0 AND 8589934591),
    leaf   BLOB NOT NULL CHECK (length(leaf) = 32 AND leaf <> zeroblob(32)),
    reason TEXT CHECK (reason IN ('withdrawn', 'replaced', 'expired', 'deceased',
                                  'document_invalid', 'fraud', 'court_order', 'error'))
) STRICT;

CREATE TRIGGER unrecorded_place BEFORE INSERT ON unrecorded
WHEN EXISTS (SELECT 1 FROM leaf WHERE place = NEW.place)
BEGIN SELECT RAISE(ABORT, 'the place has a leaf on record'); END;

CREATE TRIGGER unrecorded_is_fixed BEFORE UPDATE ON unrecorded
WHEN NEW.place <> OLD.place OR NEW.leaf <> OLD.leaf OR NEW.reason IS NULL
BEGIN SELECT RAISE(ABORT, 'a leaf without a record can only be removed'); END;

-- The epoch that the registry was restored to last. Whoever has no record may have a live leaf, or have had one
-- that is still accepted: enrolments and resets enter no earlier than `enter_from`, and only once no leaf
-- without a record remains.
CREATE TABLE restored (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    epoch      INTEGER NOT NULL CHECK (epoch >= 1),
    enter_from INTEGER NOT NULL
) STRICT;

-- As before, with the leaves that have no record.
DROP TRIGGER epoch_follows;
CREATE TRIGGER epoch_follows BEFORE INSERT ON epoch
WHEN NEW.epoch <> coalesce((SELECT max(epoch) FROM epoch), 0) + 1
    OR NEW.sealed_at <= coalesce((SELECT max(sealed_at) FROM epoch), -1)
    OR NEW.places_used <> NEW.added + coalesce((SELECT places_used FROM epoch WHERE epoch = NEW.epoch - 1), 0)
    OR NEW.live <> NEW.added - NEW.removed + coalesce((SELECT live FROM epoch WHERE epoch = NEW.epoch - 1), 0)
    OR NEW.live <> (SELECT count(*) FROM leaf) + (SELECT count(*) FROM unrecorded)
    OR NEW.places_used <= max(coalesce((SELECT max(place) FROM leaf), -1),
                              coalesce((SELECT max(place) FROM unrecorded), -1))
BEGIN SELECT RAISE(ABORT, 'the epoch does not follow from the one before and the leaves'); END;
