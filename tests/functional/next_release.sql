-- SPDX-License-Identifier: Apache-2.0
-- What the release after this one might add: see test_upgrade.py. Daemons of this one go on beside it,
-- so whatever they do not know has a default.
ALTER TABLE instances  ADD COLUMN next_release VARCHAR(16) NOT NULL DEFAULT 'new', ADD KEY by_next_release (next_release);
ALTER TABLE networks   ADD COLUMN next_release VARCHAR(16) NOT NULL DEFAULT 'new' FIRST;
ALTER TABLE interfaces ADD COLUMN next_release DOUBLE NULL FIRST;
ALTER TABLE namespaces ADD COLUMN next_release VARCHAR(16) NOT NULL DEFAULT 'new' FIRST;
ALTER TABLE nodes      ADD COLUMN next_release VARCHAR(16) NOT NULL DEFAULT 'new' FIRST;
ALTER TABLE events     ADD COLUMN next_release VARCHAR(16) NOT NULL DEFAULT 'new' AFTER type;
ALTER TABLE addresses  ADD COLUMN next_release INT NOT NULL DEFAULT 0;
ALTER TABLE ports      ADD COLUMN next_release INT NOT NULL DEFAULT 0 FIRST;
ALTER TABLE instance_disks ADD COLUMN next_release INT NOT NULL DEFAULT 0 FIRST;
ALTER TABLE roles      ADD COLUMN next_release INT NOT NULL DEFAULT 0 FIRST;
ALTER TABLE cluster    ADD COLUMN next_release INT NOT NULL DEFAULT 0 FIRST;

CREATE TABLE next_release (
  name VARCHAR(63) NOT NULL PRIMARY KEY
);
