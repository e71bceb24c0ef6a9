-- Deletes an entry. KEYS: the entry, the generation of single purges. ARGV: a random number, its TTL in ms.
drop_chunks(KEYS[1])
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
