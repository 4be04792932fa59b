-- name: rows_values
-- Reads one part of a defined metric: counts, or numbers: `v` is the sum of n of them.
SELECT e.bucket AS ts, {group1} AS group1, {group2} AS group2, e.n, e.sum AS v, e.min AS low, e.max AS high
FROM {relation} e
WHERE e.definition_id = {definition} AND e.bucket >= {start} AND e.bucket < {end} AND {condition}

-- name: rows_bins
-- Reads one part of a defined percentile.
SELECT e.bucket AS ts, {group1} AS group1, {group2} AS group2, e.bin, e.n
FROM {relation} e
WHERE e.definition_id = {definition} AND e.bucket >= {start} AND e.bucket < {end} AND {condition}

-- name: rows_hashes
-- Reads one part of a defined metric's users.
SELECT e.bucket AS ts, {group1} AS group1, {group2} AS group2, e.hash AS who
FROM {relation} e
WHERE e.definition_id = {definition} AND e.bucket >= {start} AND e.bucket < {end} AND {condition}

-- name: rows_registers
-- Reads the large groups of the same part, whose users are folded into registers.
SELECT e.bucket AS ts, {group1} AS group1, {group2} AS group2, e.registers
FROM {relation} e
WHERE e.definition_id = {definition} AND e.bucket >= {start} AND e.bucket < {end} AND {condition}

-- name: register
-- Says in which register a hash is: its first 14 bits.
(who >> 50)

-- name: rest
-- The other bits of a hash.
(who & ((1::bigint << 50) - 1))

-- name: rank
-- The place of the first 1 among those 50 bits, 51 where there is none.
51 - length(ltrim(rest::bit(50)::text, '0'))
