// Package fakeset stands for a replica set of MongoDB, for tests, where none can be
// had: it speaks the protocol to the real driver, and has what mongostore needs of
// transactions (snapshots, conflicts of writes, retries by number) and change
// streams, over a map. It demands the write and read concerns that the promises
// rest on. It is no proof of MongoDB; a real one given by HOLDFAST_TEST_MONGODB is.
package fakeset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Set is a stand-in that runs.
//
// Concurrency: all methods may be called from many goroutines.
type Set struct {
	listener net.Listener
	lifetime time.Duration // of transactions
	running  sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // something was committed or given up
	closed  bool
	conns   map[net.Conn]bool
	docs    map[spot]bson.Raw // committed
	at      map[spot]int64    // version of the last commit
	locks   map[spot]*transaction
	indexed map[string]bool
	version int64
	txs     map[string]*transaction
	replies map[string]bson.D // of numbered writes, by session and number
	events  []event
	cursors map[int64]*cursor
	lose    map[string]int // command → answers to be lost
	stop    int            // documents that an insertion makes before it is interrupted; 0: all
	repeats int            // numbered writes and commits that were answered again
}

// spot is where a document lies. Every one has an entityId of its own.
type spot struct{ ns, id string }

// transaction is a transaction: what it saw when it began, and what it changes.
type transaction struct {
	version int64
	saw     map[spot]bson.Raw
	wrote   map[spot]bson.Raw // nil: removed
	order   []event
	ended   string      // "committed", "aborted"
	limit   *time.Timer // gives it up
}

type event struct {
	at        spot
	id        bson.RawValue
	operation string
}

// known tells whether the event carries the document, or what is there of it.
func (e event) known(f *Set) bool {
	_, there := f.docs[e.at]
	return e.operation == "insert" || e.operation == "update" && there
}

type cursor struct {
	ns      string
	next    int // of events
	dropped bool
}

// refusal is an answer that says no.
type refusal struct {
	code   int
	label  string
	reason string
}

func (e *refusal) Error() string { return e.reason }

var writeConflict = &refusal{112, "TransientTransactionError", "WriteConflict"}

// Lifetime is how long a transaction may be open until the server gives it up,
// as it does where its client has died: MongoDB's transactionLifetimeLimitSeconds.
const Lifetime = time.Minute

// Listen starts one at a loopback address with a port, 0 for a free one.
// Transactions live for so long.
func Listen(address string, lifetime time.Duration) (*Set, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	f := &Set{
		listener: l, lifetime: lifetime, conns: map[net.Conn]bool{}, docs: map[spot]bson.Raw{}, at: map[spot]int64{}, locks: map[spot]*transaction{},
		indexed: map[string]bool{}, txs: map[string]*transaction{}, replies: map[string]bson.D{}, cursors: map[int64]*cursor{}, lose: map[string]int{},
	}
	f.changed = sync.NewCond(&f.mu)
	f.running.Go(f.accept)
	return f, nil
}

// URL is that of the set.
func (f *Set) URL() string { return "mongodb://" + f.listener.Addr().String() + "/?replicaSet=rs0" }

// Lose has the next n answers to a command be lost, after it was carried out, and
// begins to count repetitions anew.
func (f *Set) Lose(command string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose[command], f.repeats = n, 0
}

// Repeats is how many numbered writes and commits were answered again.
func (f *Set) Repeats() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.repeats
}

// InterruptInsert has insertions be interrupted behind so many documents.
func (f *Set) InterruptInsert(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop = n
}

// Close ends it, and waits for what it has under way.
func (f *Set) Close() {
	f.listener.Close()
	f.mu.Lock()
	f.closed = true
	for c := range f.conns {
		c.Close()
	}
	f.changed.Broadcast()
	f.mu.Unlock()
	f.running.Wait()
}

func (f *Set) accept() {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns[c] = true
		f.mu.Unlock()
		f.running.Go(func() {
			defer c.Close()
			for f.serve(c) == nil {
			}
		})
	}
}

// serve answers one message.
func (f *Set) serve(c net.Conn) error {
	message, err := ReadMessage(c)
	if err != nil {
		return err
	}
	const opQuery, opMsg = 2004, 2013
	id := binary.LittleEndian.Uint32(message[4:])
	switch binary.LittleEndian.Uint32(message[12:]) {
	case opQuery: // the first greeting
		body, err := bson.Marshal(f.hello())
		if err != nil {
			return err
		}
		reply := make([]byte, 36, 36+len(body))
		binary.LittleEndian.PutUint32(reply[8:], id)
		binary.LittleEndian.PutUint32(reply[12:], 1) // OP_REPLY
		binary.LittleEndian.PutUint32(reply[32:], 1) // one document
		return send(c, append(reply, body...))
	case opMsg:
		command, err := parseCommand(message[20:])
		if err != nil {
			return err
		}
		answer, lost := f.answer(command)
		if lost {
			return errors.New("lost")
		}
		body, err := bson.Marshal(answer)
		if err != nil {
			return err
		}
		reply := make([]byte, 21, 21+len(body))
		binary.LittleEndian.PutUint32(reply[8:], id)
		binary.LittleEndian.PutUint32(reply[12:], opMsg)
		return send(c, append(reply, body...))
	}
	return errors.New("unknown message")
}

// ReadMessage reads one message of the protocol, its header included.
func ReadMessage(r io.Reader) ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	message := make([]byte, binary.LittleEndian.Uint32(header))
	copy(message, header)
	_, err := io.ReadFull(r, message[4:])
	return message, err
}

func send(c io.Writer, message []byte) error {
	binary.LittleEndian.PutUint32(message, uint32(len(message)))
	_, err := c.Write(message)
	return err
}

func eq(name string, value any) bson.E { return bson.E{Key: name, Value: value} }

// command is one that was asked: its document, and the lists beside it.
type command struct {
	name string
	body bson.Raw
	list []bson.Raw // updates, deletes, documents
}

func parseCommand(sections []byte) (*command, error) {
	c := &command{}
	for len(sections) > 4 {
		size := int(binary.LittleEndian.Uint32(sections[1:]))
		if sections[0] == 0 {
			c.body = bson.Raw(sections[1 : 1+size])
		} else {
			docs := sections[5 : 1+size]
			for docs[0] != 0 { // the name of the list
				docs = docs[1:]
			}
			for docs = docs[1:]; len(docs) > 0; {
				n := binary.LittleEndian.Uint32(docs)
				c.list = append(c.list, bson.Raw(docs[:n]))
				docs = docs[n:]
			}
		}
		sections = sections[1+size:]
	}
	first, err := c.body.IndexErr(0)
	if err != nil {
		return nil, err
	}
	c.name = first.Key()
	return c, nil
}

func (c *command) text(names ...string) string {
	s, _ := c.body.Lookup(names...).StringValueOK()
	return s
}

func (c *command) ns() string { return c.text("$db") + "." + c.text(c.name) }

func (f *Set) hello() bson.D {
	addr := f.listener.Addr().String()
	return bson.D{
		eq("ismaster", true), eq("isWritablePrimary", true), eq("helloOk", true), eq("setName", "rs0"), eq("setVersion", 1), eq("me", addr), eq("primary", addr),
		eq("hosts", bson.A{addr}), eq("maxBsonObjectSize", 16<<20), eq("maxMessageSizeBytes", 48000000), eq("maxWriteBatchSize", 100000),
		eq("logicalSessionTimeoutMinutes", 30), eq("minWireVersion", 0), eq("maxWireVersion", 21), eq("readOnly", false), eq("ok", 1.0),
	}
}

// answer carries out a command, one at a time.
func (f *Set) answer(c *command) (reply bson.D, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	number, numbered := c.body.Lookup("txnNumber").Int64OK()
	session := fmt.Sprintf("%x %d", c.body.Lookup("lsid").Value, number)
	_, inTx := c.body.Lookup("autocommit").BooleanOK()
	lost = f.lose[c.name] > 0
	if lost {
		f.lose[c.name]--
	}
	if before, again := f.replies[session]; numbered && !inTx && again {
		f.repeats++
		return before, lost
	}
	// The driver repeats a commit without j: a majority journals by default.
	tx := f.txs[session]
	err := concerns(c, inTx, tx != nil && tx.ended == "committed")
	if err == nil {
		reply, err = f.carryOut(c, session, inTx)
	}
	var no *refusal
	if errors.As(err, &no) {
		reply = bson.D{eq("ok", 0.0), eq("code", no.code), eq("errmsg", no.reason)}
		if no.label != "" {
			reply = append(reply, eq("errorLabels", bson.A{no.label}))
		}
		return reply, lost
	}
	reply = append(reply, eq("ok", 1.0))
	if numbered && !inTx {
		f.replies[session] = reply
	}
	return reply, lost
}

// concerns demands what durability rests on.
func concerns(c *command, inTx, again bool) error {
	switch c.name {
	case "commitTransaction", "update", "delete", "insert":
		journal, _ := c.body.Lookup("writeConcern", "j").BooleanOK()
		journal = journal || again
		if (!inTx || c.name == "commitTransaction") && (c.text("writeConcern", "w") != "majority" || !journal) {
			return &refusal{2, "", c.name + " without w: majority, j: true"}
		}
	case "find":
		if level := c.text("readConcern", "level"); !inTx && level != "majority" {
			return &refusal{2, "", "find with read concern " + level}
		}
	}
	return nil
}

func (f *Set) carryOut(c *command, session string, inTx bool) (bson.D, error) {
	switch c.name {
	case "hello", "isMaster", "ismaster":
		return f.hello(), nil
	case "buildInfo":
		return bson.D{eq("version", "7.0.0"), eq("storageEngines", bson.A{"wiredTiger"})}, nil
	case "serverStatus":
		return bson.D{eq("storageEngine", bson.D{eq("name", "wiredTiger"), eq("persistent", true)})}, nil
	case "listCollections":
		return f.listCollections(c), nil
	case "listIndexes":
		return f.listIndexes(c)
	case "createIndexes":
		f.indexed[c.ns()] = true
		return bson.D{}, nil
	case "aggregate":
		return f.openStream(c), nil
	case "getMore":
		return f.getMore(c), nil
	case "drop":
		for _, cursor := range f.cursors {
			cursor.dropped = cursor.dropped || cursor.ns == c.ns()
		}
		f.changed.Broadcast()
		return bson.D{}, nil
	case "dropDatabase", "killCursors", "endSessions", "ping":
		return bson.D{}, nil
	case "commitTransaction", "abortTransaction":
		return bson.D{}, f.endTx(c, session)
	}
	tx, err := f.begin(c, session, inTx)
	if err != nil {
		return nil, err
	}
	switch c.name {
	case "find":
		return f.find(c, tx)
	case "update":
		return f.update(c, tx)
	case "delete":
		return f.remove(c, tx)
	case "insert":
		return f.insert(c, tx)
	}
	return nil, &refusal{59, "", "no such command: " + c.name}
}

func (f *Set) listCollections(c *command) bson.D {
	batch := bson.A{}
	for ns := range f.indexed {
		name, ours := strings.CutPrefix(ns, c.text("$db")+".")
		if want := c.text("filter", "name"); ours && (want == "" || want == name) {
			batch = append(batch, bson.D{eq("name", name), eq("type", "collection"), eq("options", bson.D{})})
		}
	}
	return cursorOf(0, c.text("$db")+".$cmd.listCollections", "firstBatch", batch)
}

func (f *Set) listIndexes(c *command) (bson.D, error) {
	if !f.indexed[c.ns()] {
		return nil, &refusal{26, "", "ns does not exist"}
	}
	index := bson.D{eq("v", 2), eq("key", bson.D{eq("entityId", 1)}), eq("name", "entityId_1"), eq("unique", true)}
	return cursorOf(0, c.ns(), "firstBatch", bson.A{index}), nil
}

func cursorOf(id int64, ns, name string, batch bson.A) bson.D {
	return bson.D{eq("cursor", bson.D{eq("id", id), eq("ns", ns), eq(name, batch)})}
}

// openStream begins behind the last event, or behind the one that the driver
// has seen.
func (f *Set) openStream(c *command) bson.D {
	next := len(f.events)
	for _, name := range []string{"resumeAfter", "startAfter"} {
		if token, ok := c.body.Lookup("pipeline", "0", "$changeStream", name, "_data").StringValueOK(); ok {
			fmt.Sscanf(token, "%d", &next)
		}
	}
	id := int64(len(f.cursors) + 1)
	f.cursors[id] = &cursor{ns: c.ns(), next: next}
	reply := cursorOf(id, c.ns(), "firstBatch", bson.A{})
	cursor := reply[0].Value.(bson.D)
	reply[0].Value = append(cursor, eq("postBatchResumeToken", bson.D{eq("_data", fmt.Sprint(next))}))
	return reply
}

// getMore waits a while for an event.
func (f *Set) getMore(c *command) bson.D {
	id := c.body.Lookup("getMore").Int64()
	cursor := f.cursors[id]
	late := false
	timer := time.AfterFunc(100*time.Millisecond, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		late = true
		f.changed.Broadcast()
	})
	defer timer.Stop()
	batch := bson.A{}
	for len(batch) == 0 && !late && !f.closed && !cursor.dropped {
		for ; cursor.next < len(f.events); cursor.next++ {
			if e := f.events[cursor.next]; e.at.ns == cursor.ns {
				batch = append(batch, f.told(cursor.next+1, e))
			}
		}
		if len(batch) == 0 {
			f.changed.Wait()
		}
	}
	if cursor.dropped {
		id = 0
	}
	reply := cursorOf(id, cursor.ns, "nextBatch", batch)
	reply[0].Value = append(reply[0].Value.(bson.D), eq("postBatchResumeToken", bson.D{eq("_data", fmt.Sprint(cursor.next))}))
	return reply
}

func (f *Set) told(token int, e event) bson.D {
	d := bson.D{eq("_id", bson.D{eq("_data", fmt.Sprint(token))}), eq("operationType", e.operation), eq("documentKey", bson.D{eq("_id", e.id)})}
	if e.known(f) {
		d = append(d, eq("fullDocument", bson.D{eq("entityId", e.at.id)}))
	}
	return d
}
