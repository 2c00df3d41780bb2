package config

// Limits bound what clients may cost this router. What is left out has the
// router's default.
type Limits struct {
	Frame *Size `toml:"frame"`
}

type limit struct {
	key string
	err func() error
}

func (l *Limits) table() []limit {
	return []limit{{"frame", func() error {
		if l.Frame == nil {
			return nil
		}
		return l.Frame.err
	}}}
}

func limitKeys() []string { return []string{"frame"} }
