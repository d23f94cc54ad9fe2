package contender

func newRenameio() (Contender, error) { return nil, missing("renameio is not made for Windows") }
