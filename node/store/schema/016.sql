-- SPDX-License-Identifier: Apache-2.0
-- So that nothing is read that is not shown: a name alone, which is how administrators refer to what others
-- have; the events of one type; and the snapshots of one instance, by how the names of all of them begin.
ALTER TABLE instances ADD KEY by_name_alone (name);
ALTER TABLE networks  ADD KEY by_name_alone (name);
ALTER TABLE events    ADD KEY by_type (object_type, object, type, id);
ALTER TABLE artifacts ADD KEY by_source (namespace, type, source_url(64));
