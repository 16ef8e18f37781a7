CREATE TABLE users (
  id         uuid PRIMARY KEY, -- version 7, so that the order of ids is the order of creation
  email      text NOT NULL CONSTRAINT users_email_unique UNIQUE,
  name       text NOT NULL,
  version    integer NOT NULL DEFAULT 1, -- counts changes; what an ETag shows
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT users_email_form CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
  CONSTRAINT users_name_form CHECK (length(name) BETWEEN 1 AND 200)
);
