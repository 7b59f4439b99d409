-- Which file of the file system this database is. A copy of the file still names the original here, so the
-- program notices a folder that was copied or put back (contract §5, `restore`). `probes` is written to learn
-- whether the disk takes changes.
CREATE TABLE home (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    file   TEXT NOT NULL,
    probes INTEGER NOT NULL DEFAULT 0
) STRICT;
