-- Gives a lease up for one of the recording's own: whoever comes now asks the provider, and those who read the
-- recording read on. KEYS: the lease, that of the recording. ARGV: the token, ms of the lease. Answers 0 where
-- the lease is lost, 2 where somebody has followed since it was last asked, else 1. May be repeated.
local held, is_followed = is_held(KEYS[1], ARGV[1])
if held then
  redis.call('SET', KEYS[2], redis.call('GET', KEYS[1]), 'PX', ARGV[2])
  redis.call('DEL', KEYS[1])
else
  held, is_followed = is_held(KEYS[2], ARGV[1])
  if not held then return 0 end
end
return is_followed and 2 or 1
