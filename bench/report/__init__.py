"""A record goes in; tables, charts and verdicts on the goals come out."""
