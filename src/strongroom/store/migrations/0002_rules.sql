-- A tenant's rules as versioned documents.
select; -- to be written
