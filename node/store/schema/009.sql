-- SPDX-License-Identifier: Apache-2.0
-- Whom a namespace trusts, beside `system`. With a row that comes or goes, the row of its namespace
-- changes: that is how pictures of the rows come to know.
CREATE TABLE namespace_trust (
  namespace VARCHAR(63) NOT NULL,
  trusted   VARCHAR(63) NOT NULL,
  PRIMARY KEY (namespace, trusted),
  KEY by_trusted (trusted)
);
