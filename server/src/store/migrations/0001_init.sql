-- The registry. What must never happen is refused here, whatever the program does: two live leaves or
-- two pending changes of one person, a place or commitment used twice, an epoch out of order.
-- Days are counted from 1800-01-01, instants are seconds since 1970, commitments are 32 bytes big-endian.

-- Whose registry it is. `fingerprint_check` tells whether the fingerprint key file is the right one.
CREATE TABLE authority (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    origin            TEXT NOT NULL,
    vkey              TEXT NOT NULL,
    fingerprint_check BLOB NOT NULL CHECK (length(fingerprint_check) = 32)
) STRICT;

-- Verifying keys that epoch statements name, in their order; the files lie in circuits/.
CREATE TABLE circuit (
    position   INTEGER PRIMARY KEY,
    circuit_id BLOB NOT NULL UNIQUE CHECK (length(circuit_id) = 32)
) STRICT;

-- Tokens are stored as SHA-256 of what the registrar was shown.
CREATE TABLE registrar (
    name       TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 200),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at INTEGER NOT NULL
) STRICT;

-- All that stays of a person for ever (protocol.md, "Enrolment" 1).
CREATE TABLE person (
    person_fp  BLOB PRIMARY KEY CHECK (length(person_fp) = 32),
    generation INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 254),
    removed_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TRIGGER person_stays BEFORE DELETE ON person
BEGIN SELECT RAISE(ABORT, 'a person record stays'); END;

CREATE TRIGGER person_is_one BEFORE UPDATE ON person
WHEN NEW.person_fp <> OLD.person_fp OR NEW.generation < OLD.generation
BEGIN SELECT RAISE(ABORT, 'a person keeps the fingerprint and never goes back a generation'); END;

-- SHA-256("veilpass:used:v1" ‖ value) of every accepted C and D, in one set, for ever.
CREATE TABLE used (
    value BLOB PRIMARY KEY CHECK (length(value) = 32)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER used_stays BEFORE DELETE ON used
BEGIN SELECT RAISE(ABORT, 'what was used stays used'); END;

CREATE TRIGGER used_is_fixed BEFORE UPDATE ON used
BEGIN SELECT RAISE(ABORT, 'what was used stays used'); END;

-- Live leaves: one per person, one per place. A removed leaf's row is deleted.
-- The last five columns are the coarse cell.
CREATE TABLE leaf (
    place               INTEGER PRIMARY KEY CHECK (place BETWEEN 0 AND 8589934591),
    person_fp           BLOB NOT NULL UNIQUE REFERENCES person (person_fp),
    network_number      TEXT NOT NULL UNIQUE CHECK (length(network_number) = 10),
    identity_commitment BLOB NOT NULL CHECK (length(identity_commitment) = 32),
    device_commitment   BLOB NOT NULL CHECK (length(device_commitment) = 32),
    link                BLOB NOT NULL CHECK (length(link) = 32),
    leaf                BLOB NOT NULL CHECK (length(leaf) = 32 AND leaf <> zeroblob(32)),
    generation          INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 254),
    enrolled_on         INTEGER NOT NULL CHECK (enrolled_on BETWEEN 0 AND 262142),
    expires_on          INTEGER CHECK (expires_on BETWEEN 0 AND 262142),
    sex                 INTEGER NOT NULL CHECK (sex BETWEEN 0 AND 3),
    document_class      INTEGER NOT NULL CHECK (document_class BETWEEN 1 AND 7),
    nationality         INTEGER NOT NULL CHECK (nationality BETWEEN 1 AND 999),
    province            INTEGER NOT NULL CHECK (province BETWEEN 0 AND 99),
    birth_year          INTEGER NOT NULL CHECK (birth_year BETWEEN 1800 AND 2517)
) STRICT;

-- Pending changes, at most one per person, in the order of acceptance. An enrolment holds the
-- attributes until it is sealed, birth date included; a removal has none. An enrolment with a reason
-- was withdrawn before its first seal: it is sealed as added and removed at once.
CREATE TABLE pending (
    sequence            INTEGER PRIMARY KEY AUTOINCREMENT,
    person_fp           BLOB NOT NULL UNIQUE REFERENCES person (person_fp),
    network_number      TEXT NOT NULL UNIQUE CHECK (length(network_number) = 10),
    operation           TEXT NOT NULL CHECK (operation IN ('enrol', 'remove')),
    reason              TEXT CHECK (reason IN ('withdrawn', 'replaced', 'expired', 'deceased',
                                               'document_invalid', 'fraud', 'court_order', 'error')),
    accepted_at         INTEGER NOT NULL,
    identity_commitment BLOB CHECK (length(identity_commitment) = 32),
    device_commitment   BLOB CHECK (length(device_commitment) = 32),
    link                BLOB CHECK (length(link) = 32),
    leaf                BLOB CHECK (length(leaf) = 32 AND leaf <> zeroblob(32)),
    birth_date          TEXT CHECK (birth_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    expires_on          INTEGER CHECK (expires_on BETWEEN 0 AND 262142),
    enrolled_on         INTEGER CHECK (enrolled_on BETWEEN 0 AND 262142),
    sex                 INTEGER CHECK (sex BETWEEN 0 AND 3),
    document_class      INTEGER CHECK (document_class BETWEEN 1 AND 7),
    nationality         INTEGER CHECK (nationality BETWEEN 1 AND 999),
    province            INTEGER CHECK (province BETWEEN 0 AND 99),
    generation          INTEGER CHECK (generation BETWEEN 0 AND 254),
    CHECK (CASE operation
        WHEN 'enrol' THEN identity_commitment IS NOT NULL AND device_commitment IS NOT NULL
            AND identity_commitment <> device_commitment AND link IS NOT NULL AND leaf IS NOT NULL
            AND birth_date IS NOT NULL AND enrolled_on IS NOT NULL AND sex IS NOT NULL
            AND document_class IS NOT NULL AND nationality IS NOT NULL AND province IS NOT NULL
            AND generation IS NOT NULL
        ELSE reason IS NOT NULL AND coalesce(identity_commitment, device_commitment, link, leaf, birth_date,
            expires_on, enrolled_on, sex, document_class, nationality, province, generation) IS NULL
    END)
) STRICT;

CREATE TRIGGER pending_enrol BEFORE INSERT ON pending
WHEN NEW.operation = 'enrol' AND (
    EXISTS (SELECT 1 FROM leaf WHERE person_fp = NEW.person_fp)
    OR EXISTS (SELECT 1 FROM leaf WHERE network_number = NEW.network_number))
BEGIN SELECT RAISE(ABORT, 'the person has a live leaf, or the Network Number is taken'); END;

CREATE TRIGGER pending_remove BEFORE INSERT ON pending
WHEN NEW.operation = 'remove' AND NOT EXISTS (
    SELECT 1 FROM leaf WHERE person_fp = NEW.person_fp AND network_number = NEW.network_number)
BEGIN SELECT RAISE(ABORT, 'only a live leaf can be removed'); END;

CREATE TRIGGER pending_is_fixed BEFORE UPDATE ON pending
WHEN OLD.reason IS NOT NULL OR NEW.reason IS NULL OR NEW.operation <> OLD.operation
    OR NEW.sequence <> OLD.sequence OR NEW.person_fp <> OLD.person_fp
    OR NEW.network_number <> OLD.network_number OR NEW.leaf <> OLD.leaf
BEGIN SELECT RAISE(ABORT, 'a pending enrolment can only be withdrawn, once'); END;

-- Sealed epochs. The numbers stand in the note as well; here they hold the chain together.
CREATE TABLE epoch (
    epoch       INTEGER PRIMARY KEY CHECK (epoch >= 1),
    sealed_at   INTEGER NOT NULL UNIQUE,
    places_used INTEGER NOT NULL CHECK (places_used BETWEEN 0 AND 8589934592),
    live        INTEGER NOT NULL CHECK (live BETWEEN 0 AND places_used),
    added       INTEGER NOT NULL CHECK (added >= 0),
    removed     INTEGER NOT NULL CHECK (removed >= 0),
    note        TEXT NOT NULL,
    cells       BLOB NOT NULL
) STRICT;

-- A leaf comes with the next epoch and takes a place that no earlier epoch has used.
CREATE TRIGGER leaf_place BEFORE INSERT ON leaf
WHEN NEW.place < coalesce((SELECT places_used FROM epoch ORDER BY epoch DESC LIMIT 1), 0)
BEGIN SELECT RAISE(ABORT, 'a place is never used twice'); END;

CREATE TRIGGER leaf_is_fixed BEFORE UPDATE ON leaf
BEGIN SELECT RAISE(ABORT, 'a leaf is added or removed, never changed'); END;

-- Number, time and counts follow from the epoch before; the leaves are what the counts say.
CREATE TRIGGER epoch_follows BEFORE INSERT ON epoch
WHEN NEW.epoch <> coalesce((SELECT max(epoch) FROM epoch), 0) + 1
    OR NEW.sealed_at <= coalesce((SELECT max(sealed_at) FROM epoch), -1)
    OR NEW.places_used <> NEW.added + coalesce((SELECT places_used FROM epoch WHERE epoch = NEW.epoch - 1), 0)
    OR NEW.live <> NEW.added - NEW.removed + coalesce((SELECT live FROM epoch WHERE epoch = NEW.epoch - 1), 0)
    OR NEW.live <> (SELECT count(*) FROM leaf)
    OR NEW.places_used <= coalesce((SELECT max(place) FROM leaf), -1)
BEGIN SELECT RAISE(ABORT, 'the epoch does not follow from the one before and the leaves'); END;

CREATE TRIGGER epoch_stays BEFORE DELETE ON epoch
BEGIN SELECT RAISE(ABORT, 'a sealed epoch stays'); END;

CREATE TRIGGER epoch_is_fixed BEFORE UPDATE ON epoch
BEGIN SELECT RAISE(ABORT, 'a sealed epoch stays'); END;

-- The platform directory: one signed entry per host.
CREATE TABLE platform (
    host  TEXT PRIMARY KEY CHECK (length(host) BETWEEN 1 AND 253),
    entry TEXT NOT NULL
) STRICT;
