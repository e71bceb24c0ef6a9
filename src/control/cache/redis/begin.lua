-- Sets missing generations. KEYS: the generations. ARGV: a random number, its TTL in ms.
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) end
return redis.call('MGET', unpack(KEYS))
