SELECT count() FROM quarantine FINAL
