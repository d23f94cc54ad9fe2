package storetest

// Verdict names the promise that a state has broken.
type Verdict string

// The verdicts of the crash suite.
const (
	Unrecovered Verdict = "unrecovered" // the store does not open, or does not answer
	Lost        Verdict = "lost"        // an acknowledged change is not there
	Resurrected Verdict = "resurrected" // what was removed is back
	Invented    Verdict = "invented"    // there is a value that nobody put
	Damaged     Verdict = "damaged"     // a value cannot be read
	Torn        Verdict = "torn"        // a batch is there in part, or changes out of their order
	Listing     Verdict = "listing"     // the listings and the values differ, or Has and Get
	Blamed      Verdict = "blamed"      // the report calls a crash damage, or an edit by hand
	Restless    Verdict = "restless"    // recovering again changes something
	Stuck       Verdict = "stuck"       // the store takes no change after the recovery
	Evidence    Verdict = "evidence"    // damaged bytes are gone
	Custom      Verdict = "judged"      // what CrashOptions.Judge or Protocol.Judge says
)

// verdict is a broken promise.
type verdict struct {
	Verdict
	text string
}

func (v *verdict) Error() string { return string(v.Verdict) + ": " + v.text }
