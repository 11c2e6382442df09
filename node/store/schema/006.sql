-- SPDX-License-Identifier: Apache-2.0
-- When each row last changed, so that a node that holds a picture of all rows reads only what is new. The
-- server itself keeps it: no statement, and no daemon of the version before, can forget to. A key that is
-- added or taken away changes the row of its namespace.
ALTER TABLE namespaces
  ADD COLUMN changed_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  ADD KEY by_change (changed_at);
ALTER TABLE instances
  ADD COLUMN changed_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  ADD KEY by_change (changed_at);
ALTER TABLE networks
  ADD COLUMN changed_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  ADD KEY by_change (changed_at);
ALTER TABLE interfaces
  ADD COLUMN changed_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  ADD KEY by_change (changed_at);
