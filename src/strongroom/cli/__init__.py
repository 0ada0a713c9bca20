"""The command line: reads words, asks the control API, shows the answer.

Always true here:
- no decision and no SQL: what the API refuses is refused;
- a token is never an argument: it comes from a file, from the environment, or from the demonstration's own file;
- exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 undetermined, such as a server that does not answer;
- with `--json`, standard output is the API's own JSON and nothing else; everything said besides goes to standard error.
"""
