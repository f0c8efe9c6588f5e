package policy

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"google.golang.org/protobuf/types/known/structpb"
)

// costLimit bounds one evaluation, in CEL's units: some thousand comparisons, or a pattern over a claim of a few KiB.
const costLimit = 20_000

// sourceLimit bounds one expression, in characters.
const sourceLimit = 4096

// Compiler compiles expressions. Equal sources are compiled once.
type Compiler struct {
	env  *cel.Env
	done map[compiledKey]*expression
}

type compiledKey struct {
	source string
	want   result
}

// result is what an expression must give.
type result int

const (
	wantBool result = iota
	wantString
	wantAny
)

// expression is a compiled CEL program over one variable, claims. It is safe for concurrent use. The nil expression is
// a condition that always holds.
type expression struct{ program cel.Program }

// NewCompiler returns a compiler for CEL's standard language over claims, except that matches means the whole text, as
// a pattern in a policy must (an unanchored one has let strangers in elsewhere).
func NewCompiler() (*Compiler, error) {
	environment, err := cel.NewCustomEnv(
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{ExcludeFunctions: []*env.Function{env.NewFunction("matches")}})),
		cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)),
		cel.Function("matches",
			cel.MemberOverload("string_matches_whole", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
				cel.BinaryBinding(func(_, _ ref.Val) ref.Val {
					return types.NewErr("the pattern of matches must be a constant")
				}))),
		cel.ParserExpressionSizeLimit(sourceLimit),
		cel.ParserRecursionLimit(32),
	)
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	return &Compiler{environment, make(map[compiledKey]*expression)}, nil
}

func (c *Compiler) compile(source string, want result) (*expression, error) {
	if source == "" {
		return nil, nil
	}
	key := compiledKey{source, want}
	if compiled, done := c.done[key]; done {
		return compiled, nil
	}
	ast, issues := c.env.Compile(source)
	if issues.Err() != nil {
		return nil, tidy(issues)
	}
	if err := checkResult(ast.OutputType(), want); err != nil {
		return nil, err
	}
	program, err := c.env.Program(ast,
		cel.CostLimit(costLimit),
		cel.EvalOptions(cel.OptOptimize),
		cel.OptimizeRegex(wholeMatch()),
	)
	if err != nil {
		return nil, err
	}
	c.done[key] = &expression{program}
	return c.done[key], nil
}

// checkResult refuses an expression that can give something else. A claim alone has no type before there is a token, so
// a condition must compare it with something.
func checkResult(got *cel.Type, want result) error {
	switch {
	case want == wantBool && !got.IsExactType(cel.BoolType):
		return fmt.Errorf("the condition gives %s, not bool; compare the claim with what it should be, as in claims.admin == true", got)
	case want == wantString && !got.IsExactType(cel.StringType) && !got.IsExactType(cel.DynType):
		return fmt.Errorf("the subject gives %s, not string", got)
	}
	return nil
}

// tidy keeps CEL's message and place and drops its drawing of the source.
func tidy(issues *cel.Issues) error {
	var texts []string
	for _, issue := range issues.Errors() {
		texts = append(texts, fmt.Sprintf("column %d: %s", issue.Location.Column()+1, issue.Message))
	}
	return errors.New(strings.Join(texts, "; "))
}

// wholeMatch compiles the constant patterns of matches when a rule is loaded, anchored to the whole text (RE2 syntax).
func wholeMatch() *interpreter.RegexOptimization {
	return &interpreter.RegexOptimization{
		Function:   "matches",
		RegexIndex: 1,
		Factory: func(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
			whole, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
			if err != nil {
				return nil, fmt.Errorf("the pattern of matches: %w", err)
			}
			match := func(values ...ref.Val) ref.Val {
				text, ok := values[0].Value().(string)
				if !ok {
					return types.NewErr("matches is for strings")
				}
				return types.Bool(whole.MatchString(text))
			}
			return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), match), nil
		},
	}
}

// holds reports whether the condition is true. Whatever cannot be decided, because a claim is missing, of another type,
// or too large to look at, does not hold.
func (e *expression) holds(claims map[string]any) bool {
	if e == nil {
		return true
	}
	value, ok := e.value(claims)
	return ok && value == true
}

// value evaluates the expression; false: it has no value.
func (e *expression) value(claims map[string]any) (any, bool) {
	result, _, err := e.program.Eval(map[string]any{"claims": claims})
	if err != nil {
		return nil, false
	}
	return native(result)
}

// native turns what CEL gives into what a token can carry.
func native(value ref.Val) (any, bool) {
	switch value := value.(type) {
	case types.String, types.Bool, types.Int, types.Double, types.Uint:
		return value.Value(), true
	default:
		converted, err := value.ConvertToNative(types.JSONValueType)
		if err != nil {
			return nil, false
		}
		return converted.(*structpb.Value).AsInterface(), true
	}
}

// present returns the claims without those that are null or empty text: an absent claim must not match an empty rule,
// and neither must an empty one.
func present(claims map[string]any) map[string]any {
	absent := func(_ string, value any) bool { return value == nil || value == "" }
	for name, value := range claims {
		if absent(name, value) {
			kept := maps.Clone(claims)
			maps.DeleteFunc(kept, absent)
			return kept
		}
	}
	return claims
}
