-- Releases a lease. KEYS: the lease, and its recording if no follower can use it. ARGV: the random number
-- in the token.
local held = redis.call('GET', KEYS[1])
if held and string.gsub(string.gsub(held, '%+$', ''), '^%d+-', '') == ARGV[1] then
  redis.call('DEL', KEYS[1])
  if KEYS[2] then drop_recording(KEYS[2]) end
end
return 1
