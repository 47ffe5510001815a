ALTER TABLE plis RENAME TO replis;
ALTER TABLE replis RENAME COLUMN pli TO repli;
PRAGMA user_version = 5;
