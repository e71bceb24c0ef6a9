-- Gives a lease up. KEYS: the lease, the recording (of which those who read it have no more use). ARGV: the
-- random number in its token.
local held = redis.call('GET', KEYS[1])
if held and string.gsub(string.gsub(held, '%+$', ''), '^%d+-', '') == ARGV[1] then
  redis.call('DEL', KEYS[1])
  if KEYS[2] then drop_recording(KEYS[2]) end
end
return 1
