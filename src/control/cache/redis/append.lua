-- Renews a lease, and appends to its recording. KEYS: the lease, the recording. ARGV: the token, the TTL of
-- the lease in ms, the TTL of the recording in ms, the number of batches so far, one more batch (or
-- nothing), and how many batches to drop from the front. Returns 0 if the lease or the recording is lost, 2
-- if there was a follower since the last call, else 1. May be repeated.
local held, is_followed = is_held(KEYS[1], ARGV[1])
if not held then return 0 end
local were_gone, shall_be_gone = gone(KEYS[2]), tonumber(ARGV[6])
local count = were_gone + redis.call('LLEN', KEYS[2])
local is_repeated = ARGV[5] ~= '' and count == ARGV[4] + 1 and redis.call('LINDEX', KEYS[2], -1) == ARGV[5]
if not is_repeated then
  if count ~= tonumber(ARGV[4]) then return 0 end
  if ARGV[5] ~= '' then redis.call('RPUSH', KEYS[2], ARGV[5]) end
end
if shall_be_gone > were_gone then redis.call('LTRIM', KEYS[2], shall_be_gone - were_gone, -1) end
if shall_be_gone > 0 then redis.call('SET', KEYS[2] .. ':gone', shall_be_gone, 'PX', ARGV[3]) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return is_followed and 2 or 1
