-- How a change ended whose wallet may still ask, and who is on record under an earlier rule.

-- Two ends of a used code that leave no application behind: its change was removed before it took effect, or
-- no registrar confirmed it in time. The wallet that asks again is told.
ALTER TABLE code ADD COLUMN ended TEXT CHECK (ended IN ('removed', 'lapsed'));

DROP TRIGGER code_is_used_once;
CREATE TRIGGER code_goes_on BEFORE UPDATE ON code
WHEN NEW.hash <> OLD.hash OR NEW.used <> 1 OR OLD.ended IS NOT NULL
    OR (OLD.used = 0) <> (NEW.ended IS NULL)
BEGIN SELECT RAISE(ABORT, 'a code is used once, and what it led to ends once'); END;

-- A person who is on record under a fingerprint of an earlier rule (ADR 14), found by the present one since a
-- document was examined anew.
CREATE TABLE person_alias (
    person_fp BLOB PRIMARY KEY CHECK (length(person_fp) = 32),
    record_fp BLOB NOT NULL REFERENCES person (person_fp) CHECK (record_fp <> person_fp)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER person_alias_begins BEFORE INSERT ON person_alias
WHEN EXISTS (SELECT 1 FROM person WHERE person_fp = NEW.person_fp)
BEGIN SELECT RAISE(ABORT, 'a person has one record'); END;

CREATE TRIGGER person_has_one_record BEFORE INSERT ON person
WHEN EXISTS (SELECT 1 FROM person_alias WHERE person_fp = NEW.person_fp)
BEGIN SELECT RAISE(ABORT, 'a person has one record'); END;

CREATE TRIGGER person_alias_stays BEFORE DELETE ON person_alias
BEGIN SELECT RAISE(ABORT, 'a person record stays'); END;

CREATE TRIGGER person_alias_is_fixed BEFORE UPDATE ON person_alias
BEGIN SELECT RAISE(ABORT, 'a person record stays'); END;

-- The fingerprint of the present rule for an application whose `person_fp` is that of an earlier one; it goes with
-- the application.
CREATE TABLE application_alias (
    id        BLOB PRIMARY KEY REFERENCES application (id) ON DELETE CASCADE,
    person_fp BLOB NOT NULL CHECK (length(person_fp) = 32)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER application_alias_is_fixed BEFORE UPDATE ON application_alias
BEGIN SELECT RAISE(ABORT, 'an application keeps what it says'); END;
