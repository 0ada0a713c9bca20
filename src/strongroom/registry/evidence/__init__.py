"""Evidence that others made: bills of materials, scans, statements about vulnerabilities, provenance.

Always true here:
- it comes as an in-toto statement in a DSSE envelope: who says it, and of which digest, is signed with what it says;
- it is taken in only when a key that the rules about approvals name signed it, and counts only while one does;
- what was read of it stands in a seal of the installation; the document itself is sealed under its owner's keys;
- both are added and never changed: an older scan that comes later hides no newer one.
"""
