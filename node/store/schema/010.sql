-- SPDX-License-Identifier: Apache-2.0
-- The process of a node, as its host knows it.
ALTER TABLE nodes
  ADD COLUMN pid INT NOT NULL DEFAULT 0;
