-- SPDX-License-Identifier: Apache-2.0
-- The id of the API request that asked for an instance to be made, or then to be deleted: its node
-- does that later, and the events of it name the request as well.
ALTER TABLE instances ADD request_id VARCHAR(64) NOT NULL DEFAULT '';
