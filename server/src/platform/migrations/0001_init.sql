-- What a platform keeps: its requests until shortly after they expire, the pseudonyms that have been
-- accepted, and the epochs that it accepts. Nothing of the presentations themselves.
-- Instants are seconds since 1970, field elements 32 bytes big-endian, days counted from 1800-01-01.

-- One row is one question and, in the end, its answer. The nonce is what replay is judged by.
CREATE TABLE request (
    id         TEXT PRIMARY KEY CHECK (length(id) = 32),
    nonce      TEXT NOT NULL UNIQUE CHECK (length(nonce) BETWEEN 22 AND 43),
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    signed     TEXT NOT NULL,
    once       INTEGER NOT NULL CHECK (once IN (0, 1)),
    state      TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'accepted', 'refused', 'declined')),
    tries      INTEGER NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
    code       TEXT,
    pseudonym  BLOB CHECK (length(pseudonym) = 32),
    expires_at INTEGER NOT NULL,
    CHECK ((state = 'accepted') = (pseudonym IS NOT NULL)),
    CHECK ((state = 'refused') = (state <> 'accepted' AND state <> 'declined' AND tries = 5)),
    CHECK ((tries = 0) = (code IS NULL))
) STRICT;

CREATE INDEX request_by_expiry ON request (expires_at);

CREATE TRIGGER request_is_used_once BEFORE UPDATE ON request
WHEN OLD.state <> 'pending'
BEGIN SELECT RAISE(ABORT, 'a request that is used up stays as it is'); END;

CREATE TRIGGER request_asks_the_same BEFORE UPDATE ON request
WHEN NEW.id <> OLD.id OR NEW.nonce <> OLD.nonce OR NEW.token_hash <> OLD.token_hash
    OR NEW.signed <> OLD.signed OR NEW.once <> OLD.once OR NEW.expires_at <> OLD.expires_at
    OR NEW.tries < OLD.tries
BEGIN SELECT RAISE(ABORT, 'a request keeps what it asks'); END;

-- Pseudonyms seen in their scope. `last_day` is set where the scope ends by itself (link `none`).
CREATE TABLE pseudonym (
    scope     BLOB NOT NULL CHECK (length(scope) = 32),
    pseudonym BLOB NOT NULL CHECK (length(pseudonym) = 32),
    last_day  INTEGER,
    PRIMARY KEY (scope, pseudonym)
) STRICT, WITHOUT ROWID;

CREATE INDEX pseudonym_by_last_day ON pseudonym (last_day) WHERE last_day IS NOT NULL;

CREATE TRIGGER pseudonym_is_fixed BEFORE UPDATE ON pseudonym
BEGIN SELECT RAISE(ABORT, 'what was accepted stays accepted'); END;

-- The accepted epochs as the verifier saves them; they never go back to an earlier number.
CREATE TABLE epochs (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    newest INTEGER NOT NULL,
    saved  BLOB NOT NULL
) STRICT;

CREATE TRIGGER epochs_go_on BEFORE UPDATE ON epochs
WHEN NEW.newest < OLD.newest
BEGIN SELECT RAISE(ABORT, 'a newer epoch is saved already'); END;
