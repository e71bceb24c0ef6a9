-- Reads a recording. KEYS: the lease, the recording. ARGV: the token, the first batch and the last, ms of
-- the recording, how many bytes of batches are read at most: one is read whatever its length. Answers whether
-- the first batch may come, where it is not there, how many there were so far, and the batches. Leaves a mark
-- behind the token, as whoever has its turn to follow.
local gone, lease = gone(KEYS[2]), KEYS[1]
if gone > tonumber(ARGV[2]) then return { 0, gone, {} } end
local held, is_marked = is_held(lease, ARGV[1])
if not held then
  -- The answer is not kept, and has a lease of its own.
  lease = lease .. ':' .. ARGV[1]
  held, is_marked = is_held(lease, ARGV[1])
end
if held and not is_marked then redis.call('SET', lease, ARGV[1] .. '+', 'KEEPTTL') end
local batches, bytes = {}, 0
for number, batch in ipairs(redis.call('LRANGE', KEYS[2], ARGV[2] - gone, ARGV[3] - gone)) do
  bytes = bytes + #batch
  if number > 1 and bytes > tonumber(ARGV[5]) then break end
  batches[number] = batch
end
if #batches > 0 then
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
  redis.call('PEXPIRE', KEYS[2] .. ':gone', ARGV[4])
end
return { held and 1 or 0, gone + redis.call('LLEN', KEYS[2]), batches }
