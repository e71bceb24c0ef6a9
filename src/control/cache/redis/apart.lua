-- Exchanges a lease for one of its recording: new requests call the provider, and followers read on. KEYS:
-- the lease, the lease of the recording. ARGV: the token, the TTL of the lease in ms. Returns 0 if the
-- lease is lost, 2 if there was a follower since the last call, else 1. May be repeated.
local held, is_followed = is_held(KEYS[1], ARGV[1])
if held then
  redis.call('SET', KEYS[2], redis.call('GET', KEYS[1]), 'PX', ARGV[2])
  redis.call('DEL', KEYS[1])
else
  held, is_followed = is_held(KEYS[2], ARGV[1])
  if not held then return 0 end
end
return is_followed and 2 or 1
