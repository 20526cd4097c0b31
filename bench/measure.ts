/** Runs a row: all contenders in every round, by turns, so that noise that comes and goes meets each of them. */
import { type Bench, type Contender, LeftOut, type Measure, type Row, type Sample, Scope } from './row.ts';
import { meets, ratios, type Summary, summarize } from './stats.ts';

export interface Figures {
  readonly contender: string;
  readonly summary: Summary | undefined;
}

export interface MeasureResult {
  readonly measure: Measure;
  /** modgate first, then what it is compared with, then others */
  readonly figures: readonly Figures[];
  /** modgate's to the second contender's; undefined where one of them lacks the measure */
  readonly ratio: Summary | undefined;
  /** undefined without an aim */
  readonly met: boolean | undefined;
}

export interface RowResult {
  readonly name: string;
  readonly title: string;
  readonly rounds: number;
  readonly measures: readonly MeasureResult[];
  /** why it was not measured; undefined where it was */
  readonly leftOut: string | undefined;
  /** what broke; undefined where nothing did */
  readonly failure: string | undefined;
}

export async function runRow(
  row: Row,
  bench: Bench,
  rounds: number,
  tell: (line: string) => void,
): Promise<RowResult> {
  const scope = new Scope();
  const done = {
    name: row.name,
    title: row.title,
    rounds,
    measures: [],
    leftOut: undefined,
    failure: undefined,
  };
  try {
    const contenders = await row.contenders(bench, scope);
    const samples = await interleave(contenders, rounds, tell);
    return { ...done, measures: row.measures.map((measure) => evaluate(measure, contenders, samples)) };
  } catch (error) {
    if (error instanceof LeftOut) return { ...done, leftOut: error.message };
    return { ...done, failure: error instanceof Error ? error.message : String(error) };
  } finally {
    await scope.close();
  }
}

/** Another contender begins each round. */
async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  tell: (line: string) => void,
): Promise<Map<Contender, Sample[]>> {
  const samples = new Map<Contender, Sample[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round += 1) {
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      tell(`round ${round + 1} of ${rounds}: ${contender.name}`);
      samples.get(contender)?.push(await contender.round());
    }
  }
  return samples;
}

function evaluate(
  measure: Measure,
  contenders: readonly Contender[],
  samples: ReadonlyMap<Contender, readonly Sample[]>,
): MeasureResult {
  const columns = contenders.map((contender) => ({
    contender: contender.name,
    values: (samples.get(contender) ?? []).map((sample) => sample[measure.key] ?? Number.NaN),
  }));
  const figures = columns.map(({ contender, values }) => ({ contender, summary: summarize(values) }));
  const ratio = ratios(columns[0]?.values ?? [], columns[1]?.values ?? []);
  const { aim } = measure;
  const reached = aim?.of === 'ratio' ? ratio : figures[0]?.summary;
  const met = aim === undefined || reached === undefined ? undefined : meets(reached.median, aim);
  return { measure, figures, ratio, met };
}
