"""Online charging: authorise, extend, settle; call detail records. One owner process for each shard of accounts."""
