-- Nonces of signed requests.
select; -- to be written
