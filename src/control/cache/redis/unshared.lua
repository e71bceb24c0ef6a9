-- Releases a lease before the head, and tells its followers that the response is not shared. KEYS: the lease,
-- the recording. ARGV: the token, the batch that tells it, the TTL of the recording in ms, and 1 if there was
-- a follower lately. Returns 0 if the lease is lost, else 1. May be repeated.
local held, is_followed = is_held(KEYS[1], ARGV[1])
if not held then return 0 end
if is_followed or ARGV[4] == '1' then
  redis.call('RPUSH', KEYS[2], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
redis.call('DEL', KEYS[1])
return 1
