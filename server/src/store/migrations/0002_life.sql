-- The whole life of a credential (protocol.md, "Enrolment and the life of a credential"): applications
-- with one-time codes, and pending changes of every operation.

-- Hashes of all codes ever told, without a link to anybody: a used code stays used for ever.
CREATE TABLE code (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    used INTEGER NOT NULL DEFAULT 0 CHECK (used IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER code_stays BEFORE DELETE ON code
BEGIN SELECT RAISE(ABORT, 'a code stays known'); END;

CREATE TRIGGER code_is_used_once BEFORE UPDATE ON code
WHEN NEW.hash <> OLD.hash OR OLD.used <> 0 OR NEW.used <> 1
BEGIN SELECT RAISE(ABORT, 'a code is used once'); END;

-- A registrar's application for one operation: filed, then redeemed with the code by a wallet, then
-- confirmed by the registrar (it is pending from then on), then sealed. It holds the examined document's
-- attributes and is erased as soon as the protocol allows.
CREATE TABLE application (
    id                  BLOB PRIMARY KEY CHECK (length(id) = 16),
    registrar           TEXT NOT NULL REFERENCES registrar (name),
    operation           TEXT NOT NULL CHECK (operation IN ('enrol', 'renew', 'rotate', 'reset')),
    person_fp           BLOB NOT NULL CHECK (length(person_fp) = 32),
    birth_date          TEXT NOT NULL CHECK (birth_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    expires_on          INTEGER CHECK (expires_on BETWEEN 0 AND 262142),
    sex                 INTEGER NOT NULL CHECK (sex BETWEEN 0 AND 3),
    document_class      INTEGER NOT NULL CHECK (document_class BETWEEN 1 AND 7),
    nationality         INTEGER NOT NULL CHECK (nationality BETWEEN 1 AND 999),
    province            INTEGER NOT NULL CHECK (province BETWEEN 0 AND 99),
    code_hash           BLOB NOT NULL UNIQUE REFERENCES code (hash),
    filed_at            INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL CHECK (expires_at > filed_at),
    state               TEXT NOT NULL CHECK (state IN ('filed', 'redeemed', 'confirmed', 'sealed')),
    -- From the redemption on.
    redeemed_at         INTEGER,
    network_number      TEXT CHECK (length(network_number) = 10),
    identity_commitment BLOB CHECK (length(identity_commitment) = 32),
    device_commitment   BLOB CHECK (length(device_commitment) = 32),
    leaf                BLOB CHECK (length(leaf) = 32 AND leaf <> zeroblob(32)),
    enrolled_on         INTEGER CHECK (enrolled_on BETWEEN 0 AND 262142),
    generation          INTEGER CHECK (generation BETWEEN 0 AND 254),
    -- From the confirmation on: which pending change it became.
    sequence            INTEGER UNIQUE,
    CHECK (CASE state
        WHEN 'filed' THEN coalesce(redeemed_at, network_number, identity_commitment, device_commitment, leaf,
            enrolled_on, generation, sequence) IS NULL
        ELSE redeemed_at IS NOT NULL AND network_number IS NOT NULL AND identity_commitment IS NOT NULL
            AND device_commitment IS NOT NULL AND identity_commitment <> device_commitment AND leaf IS NOT NULL
            AND enrolled_on IS NOT NULL AND generation IS NOT NULL
            AND (sequence IS NULL) = (state = 'redeemed')
    END)
) STRICT, WITHOUT ROWID;

-- At most one redeemed or pending change of a person; the pending ones have their own index.
CREATE UNIQUE INDEX application_redeemed ON application (person_fp) WHERE state = 'redeemed';
CREATE UNIQUE INDEX application_number ON application (network_number) WHERE state = 'redeemed';
-- For the erasures.
CREATE INDEX application_expiry ON application (expires_at) WHERE state IN ('filed', 'sealed');
CREATE INDEX application_lapse ON application (redeemed_at) WHERE state = 'redeemed';

CREATE TRIGGER application_begins BEFORE INSERT ON application
WHEN NEW.state <> 'filed' OR (SELECT used FROM code WHERE hash = NEW.code_hash) IS NOT 0
BEGIN SELECT RAISE(ABORT, 'an application begins with a fresh code'); END;

CREATE TRIGGER application_goes_on BEFORE UPDATE ON application
WHEN NEW.id <> OLD.id OR NEW.registrar <> OLD.registrar OR NEW.operation <> OLD.operation
    OR NEW.person_fp <> OLD.person_fp OR NEW.birth_date <> OLD.birth_date OR NEW.expires_on IS NOT OLD.expires_on
    OR NEW.sex <> OLD.sex OR NEW.document_class <> OLD.document_class OR NEW.nationality <> OLD.nationality
    OR NEW.province <> OLD.province OR NEW.code_hash <> OLD.code_hash OR NEW.filed_at <> OLD.filed_at
    OR NEW.expires_at <> OLD.expires_at
    OR (OLD.state <> 'filed' AND (NEW.redeemed_at <> OLD.redeemed_at OR NEW.network_number <> OLD.network_number
        OR NEW.identity_commitment <> OLD.identity_commitment OR NEW.device_commitment <> OLD.device_commitment
        OR NEW.leaf <> OLD.leaf OR NEW.enrolled_on <> OLD.enrolled_on OR NEW.generation <> OLD.generation))
    OR (OLD.sequence IS NOT NULL AND NEW.sequence <> OLD.sequence)
    OR (OLD.state, NEW.state) NOT IN (VALUES ('filed', 'redeemed'), ('redeemed', 'confirmed'), ('confirmed', 'sealed'))
BEGIN SELECT RAISE(ABORT, 'an application goes on step by step and keeps what it says'); END;

-- Pending changes, as in the first migration but with every operation. `renew` and `rotate` replace the
-- live leaf in one epoch. A `reset` with a live leaf takes it out at the next seal; `not_before` is then
-- the earliest time at which its own leaf may be sealed (RESET_WAIT).
CREATE TABLE pending_all (
    sequence            INTEGER PRIMARY KEY AUTOINCREMENT,
    person_fp           BLOB NOT NULL UNIQUE REFERENCES person (person_fp),
    network_number      TEXT NOT NULL UNIQUE CHECK (length(network_number) = 10),
    operation           TEXT NOT NULL CHECK (operation IN ('enrol', 'renew', 'rotate', 'reset', 'remove')),
    reason              TEXT CHECK (reason IN ('withdrawn', 'replaced', 'expired', 'deceased',
                                               'document_invalid', 'fraud', 'court_order', 'error')),
    accepted_at         INTEGER NOT NULL,
    not_before          INTEGER CHECK (not_before IS NULL OR operation = 'reset'),
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
        WHEN 'remove' THEN reason IS NOT NULL AND coalesce(identity_commitment, device_commitment, link, leaf,
            birth_date, expires_on, enrolled_on, sex, document_class, nationality, province, generation) IS NULL
        ELSE identity_commitment IS NOT NULL AND device_commitment IS NOT NULL
            AND identity_commitment <> device_commitment AND link IS NOT NULL AND leaf IS NOT NULL
            AND birth_date IS NOT NULL AND enrolled_on IS NOT NULL AND sex IS NOT NULL
            AND document_class IS NOT NULL AND nationality IS NOT NULL AND province IS NOT NULL
            AND generation IS NOT NULL
    END)
) STRICT;

INSERT INTO pending_all (sequence, person_fp, network_number, operation, reason, accepted_at, identity_commitment,
    device_commitment, link, leaf, birth_date, expires_on, enrolled_on, sex, document_class, nationality, province,
    generation)
SELECT sequence, person_fp, network_number, operation, reason, accepted_at, identity_commitment,
    device_commitment, link, leaf, birth_date, expires_on, enrolled_on, sex, document_class, nationality, province,
    generation
FROM pending;
-- Numbers of consumed changes are not given again.
DELETE FROM sqlite_sequence WHERE name = 'pending_all';
INSERT INTO sqlite_sequence (name, seq) SELECT 'pending_all', seq FROM sqlite_sequence WHERE name = 'pending';

DROP TABLE pending;
ALTER TABLE pending_all RENAME TO pending;

CREATE TRIGGER application_redeems BEFORE UPDATE ON application
WHEN NEW.state = 'redeemed' AND (
    (SELECT used FROM code WHERE hash = NEW.code_hash) IS NOT 1
    OR EXISTS (SELECT 1 FROM pending WHERE person_fp = NEW.person_fp)
    OR EXISTS (SELECT 1 FROM pending WHERE network_number = NEW.network_number)
    OR EXISTS (SELECT 1 FROM leaf WHERE network_number = NEW.network_number AND person_fp <> NEW.person_fp))
BEGIN SELECT RAISE(ABORT, 'the code is not used, a change is pending, or the Network Number is taken'); END;

CREATE TRIGGER pending_is_alone BEFORE INSERT ON pending
WHEN EXISTS (SELECT 1 FROM application WHERE state = 'redeemed'
    AND (person_fp = NEW.person_fp OR network_number = NEW.network_number))
BEGIN SELECT RAISE(ABORT, 'a redeemed change of the person is not confirmed yet'); END;

CREATE TRIGGER pending_enrol BEFORE INSERT ON pending
WHEN NEW.operation = 'enrol' AND (
    EXISTS (SELECT 1 FROM leaf WHERE person_fp = NEW.person_fp)
    OR EXISTS (SELECT 1 FROM leaf WHERE network_number = NEW.network_number))
BEGIN SELECT RAISE(ABORT, 'the person has a live leaf, or the Network Number is taken'); END;

CREATE TRIGGER pending_remove BEFORE INSERT ON pending
WHEN NEW.operation = 'remove' AND NOT EXISTS (
    SELECT 1 FROM leaf WHERE person_fp = NEW.person_fp AND network_number = NEW.network_number)
BEGIN SELECT RAISE(ABORT, 'only a live leaf can be removed'); END;

CREATE TRIGGER pending_replace BEFORE INSERT ON pending
WHEN NEW.operation IN ('renew', 'rotate') AND NOT EXISTS (
    SELECT 1 FROM leaf l WHERE l.person_fp = NEW.person_fp AND l.network_number = NEW.network_number
        AND l.identity_commitment = NEW.identity_commitment AND l.generation = NEW.generation
        AND l.enrolled_on = NEW.enrolled_on
        AND (l.device_commitment = NEW.device_commitment) = (NEW.operation = 'renew'))
BEGIN SELECT RAISE(ABORT, 'renewal and rotation keep the identity of a live leaf'); END;

-- Without a live leaf a reset knows its time from the beginning, with one it must not.
CREATE TRIGGER pending_reset BEFORE INSERT ON pending
WHEN NEW.operation = 'reset' AND (
    EXISTS (SELECT 1 FROM leaf WHERE (person_fp = NEW.person_fp) <> (network_number = NEW.network_number))
    OR EXISTS (SELECT 1 FROM leaf WHERE person_fp = NEW.person_fp AND identity_commitment = NEW.identity_commitment)
    OR (NEW.not_before IS NULL) <> EXISTS (SELECT 1 FROM leaf WHERE person_fp = NEW.person_fp)
    OR NEW.not_before < (SELECT removed_at FROM person WHERE person_fp = NEW.person_fp))
BEGIN SELECT RAISE(ABORT, 'a reset is of a live leaf and its number, or waits from its removal'); END;

-- It gets a reason (removed before its leaf was sealed) or, a reset, its time; each once.
CREATE TRIGGER pending_is_fixed BEFORE UPDATE ON pending
WHEN NEW.operation <> OLD.operation OR NEW.sequence <> OLD.sequence OR NEW.person_fp <> OLD.person_fp
    OR NEW.network_number <> OLD.network_number OR NEW.leaf IS NOT OLD.leaf OR NEW.accepted_at <> OLD.accepted_at
    OR NEW.identity_commitment IS NOT OLD.identity_commitment OR NEW.device_commitment IS NOT OLD.device_commitment
    OR NEW.birth_date IS NOT OLD.birth_date
    OR OLD.reason IS NOT NULL
    OR (OLD.not_before IS NOT NULL AND NEW.not_before IS NOT OLD.not_before)
    OR (NEW.reason IS OLD.reason) = (NEW.not_before IS OLD.not_before)
BEGIN SELECT RAISE(ABORT, 'a pending change can be withdrawn once, and its time is set once'); END;

-- No leaf enters while an older one of the person is live (`leaf.person_fp` is unique), nor a reset's
-- without its time.
CREATE TRIGGER leaf_waits BEFORE INSERT ON leaf
WHEN EXISTS (SELECT 1 FROM pending WHERE person_fp = NEW.person_fp AND operation = 'reset' AND not_before IS NULL)
BEGIN SELECT RAISE(ABORT, 'a reset waits out the old leaf'); END;

-- Counts every change of the platform directory, so that a server notices what another process did.
CREATE TABLE directory (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO directory (id, revision) SELECT 1, count(*) FROM platform;

CREATE TRIGGER directory_insert AFTER INSERT ON platform
BEGIN UPDATE directory SET revision = revision + 1; END;
CREATE TRIGGER directory_update AFTER UPDATE ON platform
BEGIN UPDATE directory SET revision = revision + 1; END;
CREATE TRIGGER directory_delete AFTER DELETE ON platform
BEGIN UPDATE directory SET revision = revision + 1; END;
