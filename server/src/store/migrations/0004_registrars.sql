-- A registrar who was removed: the token is void, the name stays for the applications that were confirmed.
ALTER TABLE registrar ADD COLUMN removed_at INTEGER;
