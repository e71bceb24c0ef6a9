-- Reads a recording. KEYS: the lease, the recording. ARGV: the token, the first batch and the last, ms of
-- the recording. Answers whether the lease is held, how many batches are there, and the batches.
local held = is_held(KEYS[1], ARGV[1])
local batches = redis.call('LRANGE', KEYS[2], ARGV[2], ARGV[3])
if #batches > 0 then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
return { held and 1 or 0, redis.call('LLEN', KEYS[2]), batches }
