-- SPDX-License-Identifier: Apache-2.0
-- Floating addresses that are routed to a network as they are, with a blank between two. Who has an
-- address is decided by `addresses`; both change in one transaction.
ALTER TABLE networks
  ADD COLUMN routed TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ('');
