-- SPDX-License-Identifier: Apache-2.0
-- Who serves what only one node may: a row per role, moved on only by compare-and-set on its term.
CREATE TABLE roles (
  role       VARCHAR(32) NOT NULL PRIMARY KEY,
  holder     VARCHAR(63) NOT NULL,
  term       BIGINT      NOT NULL,
  changed_at DOUBLE      NOT NULL
);

INSERT INTO roles (role, holder, term, changed_at)
  VALUES ('network-services', '', 0, UNIX_TIMESTAMP(NOW(6)));
