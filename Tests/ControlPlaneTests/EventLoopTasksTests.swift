import NIOCore
import NIOPosix
import Testing

@testable import ControlPlane

@Suite struct EventLoopTasksTests {
    private static func isOn(_ loop: any EventLoop) async -> Bool { loop.inEventLoop }

    @Test func aTaskRunsOnItsLoopLeavesItAndComesBack() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        #expect(await !Self.isOn(loop))
        let places = await withTaskExecutorPreference(EventLoopTasks(loop)) { () async -> [Bool] in
            let before = await Self.isOn(loop)
            let away = await withTaskExecutorPreference(globalConcurrentExecutor) {
                () async -> Bool in await Self.isOn(loop)
            }
            return [before, away, await Self.isOn(loop)]
        }
        #expect(places == [true, false, true])
    }

    @Test func whatHandsOutKeysOrTakesFilesLeavesTheLoop() {
        let brief = OperationTable.all.filter(\.isBrief)
        #expect(brief.map(\.name).contains("DescribeThing"))
        for operation in brief {
            #expect(!operation.streams, "\(operation.name)")
            #expect(!operation.name.contains("Keys"), "\(operation.name)")
        }
    }
}
