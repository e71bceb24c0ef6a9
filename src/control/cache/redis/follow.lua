-- Reads a recording, and marks its lease as followed, like turn.lua. KEYS: the lease, the recording. ARGV:
-- the token, the first batch and the last, the TTL of the recording in ms, the maximum number of bytes to
-- read (one batch is read whatever its length). Returns whether the lease is held, so that a missing batch
-- may still come, the number of batches so far, and the batches.
local gone, lease = gone(KEYS[2]), KEYS[1]
if gone > tonumber(ARGV[2]) then return { 0, gone, {} } end
local held, is_marked = is_held(lease, ARGV[1])
if not held then
  -- The response is not stored, and its recording has a lease of its own.
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
