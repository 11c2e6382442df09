// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// serfMember is what `serf agent` wraps, without the agent's log, RPC, and its waiting for more
// events before it tells of one.
type serfMember struct {
	index int
	serf  *serf.Serf
}

func startSerf(index int, config *memberlist.Config) (member, error) {
	transport, err := newTransport(config)
	if err != nil {
		return nil, err
	}
	config.Transport = transport
	events := make(chan serf.Event, 1<<12)
	wrapped := serf.DefaultConfig()
	wrapped.Init()
	wrapped.NodeName, wrapped.MemberlistConfig = config.Name, config
	wrapped.Logger, wrapped.EventCh = config.Logger, events
	m := &serfMember{index: index}
	go m.listen(events)
	m.serf, err = serf.Create(wrapped)
	return m, err
}

func (m *serfMember) join(seed string) error {
	_, err := m.serf.Join([]string{seed}, true)
	return err
}

func (m *serfMember) broadcast(id string, size int) error {
	return m.serf.UserEvent(id, []byte(strings.Repeat("x", size)), false)
}

func (m *serfMember) stop() { m.serf.Shutdown() }

func (m *serfMember) listen(events <-chan serf.Event) {
	for event := range events {
		switch e := event.(type) {
		case serf.UserEvent:
			tell(m.index, 'M', e.Name)
		case serf.MemberEvent:
			for _, of := range e.Members {
				switch e.Type {
				case serf.EventMemberJoin:
					tell(m.index, 'J', of.Name)
				case serf.EventMemberFailed, serf.EventMemberLeave:
					tell(m.index, 'F', of.Name)
				}
			}
		}
	}
}
