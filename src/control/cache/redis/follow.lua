-- Reads a recording. KEYS: the lease, the recording. ARGV: the token, the first batch and the last, ms of
-- the recording, how many bytes of batches are read at most: one is read whatever its length. Answers whether the
-- lease is held, how many batches are there, and the batches. Leaves a mark behind the token, as whoever has its
-- turn to follow.
local held, is_marked = is_held(KEYS[1], ARGV[1])
if held and not is_marked then redis.call('SET', KEYS[1], ARGV[1] .. '+', 'KEEPTTL') end
local batches, bytes = {}, 0
for number, batch in ipairs(redis.call('LRANGE', KEYS[2], ARGV[2], ARGV[3])) do
  bytes = bytes + #batch
  if number > 1 and bytes > tonumber(ARGV[5]) then break end
  batches[number] = batch
end
if #batches > 0 then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
return { held and 1 or 0, redis.call('LLEN', KEYS[2]), batches }
