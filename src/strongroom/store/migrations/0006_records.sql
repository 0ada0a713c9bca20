-- What a record holds beyond the foundation's.
select; -- to be written
