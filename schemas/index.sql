-- index.sqlite, version 1: what a corpus holds, where each sample lies, and what was removed on the way.
-- `winnow index` makes it from manifests, row files and shards; it is never changed afterwards. Equal runs give equal bytes,
-- whatever the number of tasks. Texts are UTF-8; absent values are NULL; JSON stands as text. Column names need no quotes.

PRAGMA page_size = 4096;
PRAGMA encoding = 'UTF-8';
PRAGMA application_id = 0x776e6e77; -- "wnnw"
PRAGMA user_version = 1;

-- Facts about the whole: format, removed (how the table of that name was filled), samples, shards.
CREATE TABLE corpus (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The crawl files or lists that rows come from.
CREATE TABLE inputs (
    src_file INTEGER PRIMARY KEY, -- ordinal in the run's input list, from 0: the column src_file of rows
    name TEXT,                    -- as given; NULL where no manifest names it
    size INTEGER,                 -- bytes
    hash TEXT                     -- as in the manifest: XXH3-128 of the first and last MiB of a local file
);

-- The steps of the run, in order.
CREATE TABLE stages (
    step INTEGER PRIMARY KEY,     -- from 1
    name TEXT NOT NULL UNIQUE,    -- its folder: 02-filter
    stage TEXT NOT NULL,          -- its command: filter
    behaviour INTEGER NOT NULL,   -- behaviour number of that command
    parameters TEXT NOT NULL      -- JSON object: every parameter that changes the output
);

-- The rules that removed rows, in the order in which they were applied.
CREATE TABLE rules (
    step INTEGER NOT NULL REFERENCES stages,
    position INTEGER NOT NULL,    -- in its step, from 1
    rule TEXT NOT NULL,
    filter TEXT,                  -- the filter behind it: text.words
    parameters TEXT,              -- JSON object
    provenance TEXT,              -- paper, code or choice
    source TEXT,                  -- where the published set says so
    served INTEGER NOT NULL,      -- 0: left out, `reason` says why
    reason TEXT,
    substitute TEXT,              -- sim_mine for sim_b32: the column of another model that was read instead, by --allow-substitute
    removed INTEGER NOT NULL,     -- rows, in order: each row counts for the first rule that it failed
    alone INTEGER,                -- rows that it would have removed by itself of those that reached the step
    alone_sampled INTEGER,        -- 1: `alone` is an estimate from a hundredth of the rows
    PRIMARY KEY (step, rule)
) WITHOUT ROWID;

-- Everything else that was counted: rows read and written, and what each stage counts by name.
CREATE TABLE counts (
    step INTEGER NOT NULL REFERENCES stages,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (step, name)
) WITHOUT ROWID;

-- Input that could not be read.
CREATE TABLE losses (
    loss INTEGER PRIMARY KEY,     -- in input order, from 1
    step INTEGER NOT NULL REFERENCES stages,
    file TEXT NOT NULL,
    unit TEXT NOT NULL,           -- what `at` counts: offset, row, line
    at INTEGER NOT NULL,
    reason TEXT NOT NULL
);

CREATE TABLE shards (
    shard INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,    -- file name in the folder of shards
    samples INTEGER NOT NULL,
    size INTEGER NOT NULL,        -- bytes as stored
    hash TEXT NOT NULL            -- XXH3-128 of the bytes as stored
);

CREATE TABLE samples (
    number INTEGER PRIMARY KEY,   -- the key as a number
    shard INTEGER NOT NULL REFERENCES shards,
    key TEXT NOT NULL,            -- name of the members without extension
    sample_offset INTEGER NOT NULL, -- bytes: where the sample's first member header begins in the uncompressed tar
    sample_length INTEGER NOT NULL, -- bytes: all its members, headers and padding included
    id TEXT
    /* then every other column of the rows, in their order */
);

-- Rows that are not in the corpus: all, or of each rule those with the smallest hashes of their place (corpus.removed).
CREATE TABLE removed (
    removal INTEGER PRIMARY KEY,  -- by step, then place
    step INTEGER NOT NULL REFERENCES stages,
    rule TEXT NOT NULL,
    measured TEXT,                -- what the rule measured
    bound TEXT,                   -- what it allows
    also TEXT,                    -- other rules of the step that failed the row
    id TEXT
    /* then every other column of the removed rows, in the order of schemas/columns.def */
);

-- Indices: made when the rows are in.
CREATE UNIQUE INDEX samples_by_key ON samples (shard, key);
CREATE INDEX samples_by_id ON samples (id);
CREATE INDEX removed_by_rule ON removed (step, rule);
CREATE INDEX removed_by_id ON removed (id);
