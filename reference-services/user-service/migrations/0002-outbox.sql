-- Events wait here until they are in the topic: @shopgpt/messaging reads and deletes the rows, and these statements
-- are those of its outboxSchema(). A test compares the two; when it fails, add a migration rather than edit this one.
create table if not exists outbox (
  id uuid primary key,                                   -- of the message, also in its header x-message-id
  sequence bigint generated always as identity,          -- the order in which rows were inserted
  transaction_id xid8 not null default pg_current_xact_id(),
  aggregatetype text not null,                           -- the topic
  aggregateid text,                                      -- the key as text
  type text not null,
  key bytea,
  payload bytea,                                         -- null is a tombstone
  headers jsonb not null default '[]',                   -- [[name, base64 or null], ...]
  created_at timestamptz not null default clock_timestamp()
);
create unique index if not exists outbox_sequence on outbox (sequence);
