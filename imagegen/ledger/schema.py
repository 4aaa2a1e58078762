"""
The ledger's tables, as migrations in order (`PRAGMA user_version`).  A migration that was released is never
changed.

What changes often (`job`, `call`, `tally`) is kept in short rows, apart from the long texts that are written
once: a verb then dirties two or three pages, and costs little more than the bare commit.  Money is in
nano-units, times are unix seconds, seeds are text because they need 64 unsigned bits.
"""

from __future__ import annotations

_V1 = """
CREATE TABLE scope (
  id INTEGER PRIMARY KEY, provider TEXT NOT NULL, account TEXT NOT NULL, base_url TEXT NOT NULL,
  emulated INTEGER NOT NULL, namespace TEXT NOT NULL,
  UNIQUE (provider, account, base_url, emulated, namespace)
);
CREATE TABLE job (
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, scope INTEGER NOT NULL REFERENCES scope,
  state TEXT NOT NULL, open INTEGER NOT NULL,
  token INTEGER NOT NULL, host TEXT, pid INTEGER, started REAL, lease REAL,
  realm TEXT NOT NULL, idempotency_key TEXT, request_hash TEXT NOT NULL,
  kind TEXT NOT NULL, model TEXT NOT NULL, run TEXT NOT NULL, output TEXT NOT NULL,
  currency TEXT NOT NULL, estimate INTEGER, created_at REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE UNIQUE INDEX job_key ON job (realm, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX job_open ON job (n) WHERE open = 1;
CREATE INDEX job_created ON job (created_at);
CREATE TABLE job_text (job INTEGER PRIMARY KEY REFERENCES job, request TEXT NOT NULL, plan TEXT NOT NULL);
CREATE TABLE job_end (
  job INTEGER PRIMARY KEY REFERENCES job, data TEXT, notes TEXT NOT NULL, seconds TEXT NOT NULL
);
CREATE TABLE label (
  job INTEGER NOT NULL REFERENCES job, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (job, name)
) WITHOUT ROWID;
CREATE INDEX label_value ON label (name, value, job);
CREATE TABLE call (
  job INTEGER NOT NULL REFERENCES job, idx INTEGER NOT NULL, state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, doubts INTEGER NOT NULL DEFAULT 0,
  vendor_job_id TEXT, key TEXT,
  reserved INTEGER, billed INTEGER, credits INTEGER, charged INTEGER,
  booked_at REAL, sent_at REAL, accepted_at REAL, done_at REAL, error TEXT, answer TEXT,
  PRIMARY KEY (job, idx)
) WITHOUT ROWID;
CREATE TABLE file (
  job INTEGER NOT NULL REFERENCES job, idx INTEGER NOT NULL, n INTEGER NOT NULL,
  path TEXT NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL,
  width INTEGER NOT NULL, height INTEGER NOT NULL, seed TEXT, source_url TEXT NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (job, idx, n)
) WITHOUT ROWID;
CREATE TABLE budget (
  per TEXT NOT NULL, label TEXT NOT NULL, amount INTEGER NOT NULL, currency TEXT NOT NULL,
  PRIMARY KEY (per, label)
) WITHOUT ROWID;
CREATE TABLE tally (
  bucket TEXT NOT NULL, emulated INTEGER NOT NULL, currency TEXT NOT NULL,
  reserved INTEGER NOT NULL, spent INTEGER NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (bucket, emulated, currency)
) WITHOUT ROWID;
CREATE TABLE fact (
  scope INTEGER NOT NULL REFERENCES scope, kind TEXT NOT NULL, key TEXT NOT NULL,
  value TEXT NOT NULL, expires REAL,
  PRIMARY KEY (scope, kind, key)
) WITHOUT ROWID
"""

# One JSON list in the row that every attempt rewrites anyway: a table would cost each intent two more pages.
_V2 = "ALTER TABLE call ADD COLUMN history TEXT NOT NULL DEFAULT '[]'"

# A job's ending belongs in the row that is written at its end anyway; and the newest jobs are those with the highest
# numbers, so that no job need pay for an index of its own for the lists.
_V3 = """
ALTER TABLE job ADD COLUMN data TEXT;
ALTER TABLE job ADD COLUMN notes TEXT;
ALTER TABLE job ADD COLUMN seconds TEXT;
UPDATE job SET (data, notes, seconds) = (SELECT data, notes, seconds FROM job_end WHERE job_end.job = job.n);
DROP TABLE job_end;
DROP INDEX job_created
"""

MIGRATIONS = (_V1, _V2, _V3)
