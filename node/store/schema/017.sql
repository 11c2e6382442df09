-- SPDX-License-Identifier: Apache-2.0
-- A node that is to take no new instances, because somebody wants to work on it.
ALTER TABLE nodes ADD drained BOOLEAN NOT NULL DEFAULT FALSE;
