-- Stores an entry, all or nothing. KEYS: the entry, the lease, the generations, the chunks. ARGV: the token
-- of the lease (or nothing: then nobody may hold it), the entry or the list of its chunks, the TTL of the
-- entry in ms, the TTL of the lease from now on in ms, the TTL of the generations in ms, and the expected
-- generations. May be repeated.
local token, generations = ARGV[1], #ARGV - 5
-- No other entry has a list of the same chunks.
if #KEYS > 2 + generations and redis.call('GETRANGE', KEYS[1], 0, 99) == ARGV[2] then return 1 end
if token == '' then
  if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
elseif not is_held(KEYS[2], token) then
  return 0
end
for i = 1, generations do
  if redis.call('GET', KEYS[2 + i]) ~= ARGV[5 + i] then return 0 end
end
for i = 3 + generations, #KEYS do
  if redis.call('PEXPIRE', KEYS[i], ARGV[3]) == 0 then return 0 end
end
drop_chunks(KEYS[1])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
for i = 1, generations do redis.call('PEXPIRE', KEYS[2 + i], ARGV[5], 'GT') end
if token ~= '' then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
return 1
