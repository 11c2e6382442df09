// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"sync"

	"github.com/hashicorp/memberlist"
)

// listMember is a member of a bare memberlist. Messages are its user broadcasts: whoever hears one
// for the first time passes it on, as serf does with its events.
type listMember struct {
	index int
	list  *memberlist.Memberlist
	queue *memberlist.TransmitLimitedQueue

	mutex sync.Mutex // of heard
	heard map[string]bool
}

type message string

func (m message) Invalidates(memberlist.Broadcast) bool { return false }
func (m message) Message() []byte                       { return []byte(m) }
func (m message) Finished()                             {}
func (m message) UniqueBroadcast()                      {}

func startMemberlist(index int, config *memberlist.Config) (member, error) {
	m := &listMember{index: index, heard: map[string]bool{}}
	m.queue = &memberlist.TransmitLimitedQueue{
		NumNodes: func() int { return m.list.NumMembers() }, RetransmitMult: config.RetransmitMult}
	config.Delegate, config.Events = m, (*listEvents)(m)
	transport, err := newTransport(config)
	if err != nil {
		return nil, err
	}
	config.Transport = transport
	m.list, err = memberlist.Create(config)
	return m, err
}

func (m *listMember) join(seed string) error {
	_, err := m.list.Join([]string{seed})
	return err
}

func (m *listMember) broadcast(id string, size int) error {
	m.hear(message(id + " " + strings.Repeat("x", size)))
	return nil
}

func (m *listMember) stop() { m.list.Shutdown() }

func (m *listMember) hear(text message) {
	id := strings.SplitN(string(text), " ", 2)[0]
	m.mutex.Lock()
	isOld := m.heard[id]
	m.heard[id] = true
	m.mutex.Unlock()
	if !isOld {
		tell(m.index, 'M', id)
		m.queue.QueueBroadcast(text)
	}
}

// ---- memberlist.Delegate -----------------------------------------------------------------------

func (m *listMember) NodeMeta(int) []byte           { return nil }
func (m *listMember) NotifyMsg(text []byte)         { m.hear(message(text)) }
func (m *listMember) LocalState(bool) []byte        { return nil }
func (m *listMember) MergeRemoteState([]byte, bool) {}
func (m *listMember) GetBroadcasts(overhead, limit int) [][]byte {
	return m.queue.GetBroadcasts(overhead, limit)
}

// ---- memberlist.EventDelegate ------------------------------------------------------------------

type listEvents listMember

func (m *listEvents) NotifyJoin(node *memberlist.Node)  { tell(m.index, 'J', node.Name) }
func (m *listEvents) NotifyLeave(node *memberlist.Node) { tell(m.index, 'F', node.Name) }
func (m *listEvents) NotifyUpdate(*memberlist.Node)     {}
